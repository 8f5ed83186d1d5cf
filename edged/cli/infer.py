"""`edgectl infer MODEL INPUT`: one request as any app sends it, and its answer.

Law: requests go to the data socket, as those of apps do. The control socket is asked
only for the manifest, which knows how a picture becomes an input; who may not use it
can still send tensors.
"""

import argparse
import time
from contextlib import suppress

from edged.cli import answers, oipjson, tensors
from edged.cli.answers import Class, Inference, Timing
from edged.cli.desk import READ_S, Desk
from edged.cli.exits import Exit
from edged.cli.output import fold
from edged.cli.parser import add_common
from edged.client.inference import Client, InferOptions, Result
from edged.errors import NoAccess, NoDaemon, ProtocolError, UnknownModel
from edged.wire.adapt import Preference
from edged.wire.endpoints import MODEL
from edged.wire.messages import ModelName
from edged.wire.release import Input, Output, Signature

#: Longer than a model that a person waits for; the daemon has its own bound below.
TIMEOUT_S = 60.0
#: For a daemon that is just starting: callers of its data socket wait meanwhile.
START_S = 15.0


def fill(to: argparse.ArgumentParser) -> None:
    """Add the arguments of `infer`."""
    to.add_argument("model", metavar="MODEL", help="the model's name")
    to.add_argument(
        "input",
        metavar="INPUT",
        help="a .png or .jpg, .npy, .npz, JSON, or - for standard input",
    )
    to.add_argument("--variant", metavar="ID", help="insist on one rung of the ladder")
    to.add_argument(
        "--preference",
        metavar="WISH",
        choices=[wish.value for wish in Preference],
        help="what is wanted of the rung that edged chooses: performance, balanced "
        "(the default) or economy",
    )
    to.add_argument(
        "--repeat",
        metavar="N",
        type=_times,
        default=1,
        help="send it N times; print p50, p95 and the rate",
    )
    to.add_argument(
        "--print-curl",
        action="store_true",
        help="print the same request as a curl command, and send nothing",
    )
    add_common(to)
    to.set_defaults(run=run)


def run(desk: Desk, args: argparse.Namespace) -> Exit:
    """Send inputs to a model and show what it answers."""
    place = desk.place
    source = tensors.load(args.input)
    timeout_s = place.timeout_s or TIMEOUT_S
    with Client(place.data_socket, timeout_s=timeout_s) as client:
        # First of all, so that it is answered by a daemon that has come to its models,
        # and what is timed below has a connection.
        with suppress(UnknownModel):  # told below, with the nearest name
            client.ready(args.model, timeout_s=place.timeout_s or START_S)
        signature = _signature(desk, client, args.model, source)
        inputs = tensors.read(source, signature.inputs)
        if args.print_curl:
            body = oipjson.request(
                inputs, signature, variant=args.variant, preference=args.preference
            )
            for line in oipjson.curl(body, socket=place.data_socket, model=args.model):
                desk.screen.line(line)
            return Exit.FINE
        _ask(desk, client, args, signature, inputs)
    return Exit.FINE


def _ask(
    desk: Desk,
    client: Client,
    args: argparse.Namespace,
    signature: Signature,
    inputs: dict[str, tensors.Array],
) -> None:
    """Send the request as often as wanted, and show the last answer.

    Only the daemon has the names of classes. Where they are printed instead of values,
    the one request asks for them; a document has both, and asks once more.
    """
    options = InferOptions(explain=True)
    if args.variant is not None:
        options["variant"] = args.variant
    if args.preference is not None:
        options["preference"] = args.preference
    labelled = {spec.name: answers.TOP for spec in signature.outputs if spec.labels}
    named = options.copy()
    if labelled:
        named["outputs"] = [spec.name for spec in signature.outputs]
        named["classes"] = labelled
    took_s = []
    for _ in range(args.repeat):
        began = time.perf_counter()
        result = client.infer(
            args.model, inputs, **(options if desk.as_json else named)
        )
        took_s.append(time.perf_counter() - began)
    timing = answers.timing(took_s, result.explained)
    if not desk.as_json:
        _show(desk, signature, result, timing)
        return
    scored = client.infer(args.model, inputs, **named) if labelled else result
    desk.screen.json(_document(signature, result, timing, scored))


def _signature(
    desk: Desk, client: Client, model: str, source: tensors.Source
) -> Signature:
    """Ask for what the model takes: the manifest, or at least its metadata.

    Raises:
        EdgedError: neither can be had, or a picture needs the manifest.
    """
    try:
        manifest = desk.call(MODEL, ModelName(name=model)).manifest
    except (NoDaemon, NoAccess):
        if source.format is tensors.Format.PICTURE:
            raise
        manifest = None
    if manifest is not None:
        return manifest.signature
    metadata = client.metadata(model, timeout_s=desk.place.timeout_s or READ_S)
    return Signature(
        inputs=tuple(
            Input(name=spec.name, datatype=spec.datatype, shape=spec.shape)
            for spec in metadata.inputs
        ),
        outputs=tuple(
            Output(name=spec.name, datatype=spec.datatype, shape=spec.shape)
            for spec in metadata.outputs
        ),
    )


def _document(
    signature: Signature, result: Result, timing: Timing, scored: Result
) -> Inference:
    return Inference(
        model=result.model,
        version=result.version,
        variant=result.explained.variant if result.explained else None,
        outputs=tuple(
            answers.tensor_out(spec, result[spec.name])
            for spec in signature.outputs
            if spec.name in result
        ),
        classes={
            spec.name: _classes(scored, spec)
            for spec in signature.outputs
            if spec.labels and spec.name in scored
        },
        timing=timing,
    )


def _classes(scored: Result, output: Output) -> tuple[Class, ...]:
    try:
        return answers.best(scored[output.name])
    except (AttributeError, ValueError) as exc:
        raise ProtocolError(
            f"cannot understand the daemon's answer: a class is not as asked: {exc}"
        ) from exc


def _show(desk: Desk, signature: Signature, result: Result, timing: Timing) -> None:
    by = f" {result.explained.variant}" if result.explained else ""
    head = f"{result.model} {result.version}{by}, {answers.timing_line(timing)}"
    lines = fold(head, width=desk.screen.width)
    for spec in signature.outputs:
        if spec.name not in result:
            continue
        if spec.labels:
            lines += answers.class_lines(_classes(result, spec), spec)
        else:
            lines += answers.value_lines(result[spec.name], spec)
    for line in lines:
        desk.screen.line(line)


def _times(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 1")
    return int(text)
