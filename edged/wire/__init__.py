"""F0: what crosses a socket or lies in a file, as values.

Reading order: `tensors` (datatypes and shapes), `release` (what a manifest says),
`messages` (control requests and answers), `endpoints` (the control API, once),
`oip` (Open Inference Protocol bodies).

Law: values and their encodings only. Nothing here opens, waits or decides.
Only `oip` imports numpy, so that `edgectl status` starts without it.
"""
