"""F2: a model file -> answers.

Reading order: `base` (the port), `backends` (who loads what), `onnx` and `litert`
(the two runtimes; `onnx_file` and `tflite_file` look at a file before they do),
`convert` (a variant behind the release's signature; `affine` has its arithmetic),
`golden` (known answers; `samples` makes inputs up, `agreement` compares), `draft` (a
manifest for a bare file), `memory` (giving it back).

Law: blocking and synchronous; callers bring the thread. No store, no sockets.
A runtime package is imported only when a model needs it.
"""
