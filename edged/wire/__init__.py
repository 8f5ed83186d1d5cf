"""F0: what crosses a socket or lies in a file, as values.

Reading order: `tensors` (datatypes and shapes), `release` (what a manifest says),
`messages` (control requests and answers), `endpoints` (the control API, once),
`oip_models` (what the Open Inference Protocol says about models), `oip` (its
inference bodies, over `oip_document`, `tensorjson`, `tensorbytes`).

Law: values and their encodings only. Nothing here opens, waits or decides.
Only the modules of inference bodies import numpy, so that `edgectl status` starts
without it.
"""
