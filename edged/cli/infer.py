"""`edgectl infer MODEL INPUT`: one request as any app sends it, and its answer.

Law: requests go to the data socket, as those of apps do. The control socket is asked
only for the manifest, which knows how a picture becomes an input; who may not use it
can still send tensors.
"""

import argparse
import time

from edged.cli import answers, oipjson, tensors
from edged.cli.answers import Class, Inference
from edged.cli.desk import Desk
from edged.cli.exits import Exit
from edged.cli.parser import add_common
from edged.client import calls
from edged.client.http import Call
from edged.client.inference import Client, InferOptions, Result
from edged.client.transport import Transport
from edged.errors import NoAccess, NoDaemon, ProtocolError, TimedOut
from edged.wire.endpoints import MODEL
from edged.wire.messages import ModelName
from edged.wire.release import Input, Output, Signature

#: Longer than a model that a person waits for; the daemon has its own bound below.
TIMEOUT_S = 60.0


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
        signature = _signature(desk, client, args.model, source)
        inputs = tensors.read(source, signature.inputs)
        if args.print_curl:
            body = oipjson.request(inputs, signature, variant=args.variant)
            for line in oipjson.curl(body, socket=place.data_socket, model=args.model):
                desk.screen.line(line)
            return Exit.FINE
        options = InferOptions(explain=True)
        if args.variant is not None:
            options["variant"] = args.variant
        took_s = []
        for _ in range(args.repeat):
            began = time.perf_counter()
            result = client.infer(args.model, inputs, **options)
            took_s.append(time.perf_counter() - began)
    _show(
        desk,
        signature,
        Inference(
            model=result.model,
            version=result.version,
            variant=result.explained.variant if result.explained else None,
            outputs=tuple(
                answers.tensor_out(spec, result[spec.name])
                for spec in signature.outputs
                if spec.name in result
            ),
            classes=_classes(desk, signature, inputs, result),
            timing=answers.timing(took_s),
        ),
        result,
    )
    return Exit.FINE


def _signature(
    desk: Desk, client: Client, model: str, source: tensors.Source
) -> Signature:
    """Ask for what the model takes: the manifest, or at least its metadata.

    Raises:
        EdgedError: neither can be had, or a picture needs the manifest.
    """
    try:
        manifest = desk.call(MODEL, ModelName(name=model)).manifest
    except (NoDaemon, NoAccess, TimedOut):
        if source.format is tensors.Format.PICTURE:
            raise
        manifest = None
    if manifest is not None:
        return manifest.signature
    metadata = client.metadata(model)
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


def _classes(
    desk: Desk, signature: Signature, inputs: dict[str, tensors.Array], result: Result
) -> dict[str, tuple[Class, ...]]:
    """Ask once more, for the names of the best classes: only the daemon has them."""
    labelled = {spec.name: answers.TOP for spec in signature.outputs if spec.labels}
    if not labelled:
        return {}
    variant = result.explained.variant if result.explained else None
    body = oipjson.request(inputs, signature, variant=variant, classes=labelled)
    call = Call(
        method="POST",
        target=oipjson.target(result.model),
        headers=(("Content-Type", "application/json"),),
        body=(body.encode(),),
    )
    transport = Transport(desk.place.data_socket)
    try:
        answer = transport.call(call, timeout_s=desk.place.timeout_s or TIMEOUT_S)
    finally:
        transport.close()
    try:
        return {
            name: answers.best(list(texts.ravel()))
            for name, texts in calls.read_infer(answer).items()
        }
    except (AttributeError, ValueError) as exc:
        raise ProtocolError(
            f"cannot understand the daemon's answer: a class is not as asked: {exc}"
        ) from exc


def _show(
    desk: Desk, signature: Signature, inference: Inference, result: Result
) -> None:
    screen = desk.screen
    if desk.as_json:
        screen.json(inference)
        return
    by = f" {inference.variant}" if inference.variant else ""
    screen.line(
        f"{inference.model} {inference.version}{by}, "
        f"{answers.timing_line(inference.timing)}"
    )
    for spec in signature.outputs:
        if spec.name in inference.classes:
            lines = answers.class_lines(inference.classes[spec.name], spec)
        elif spec.name in result:
            lines = answers.value_lines(result[spec.name], spec)
        else:
            continue
        for line in lines:
            screen.line(line)


def _times(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 1")
    return int(text)
