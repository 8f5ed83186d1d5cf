"""F2: a model file -> answers.

Reading order: `base` (the port), `backends` (who loads what), `onnx` and `litert`
(the two runtimes), `convert` (a variant behind the release's signature), `golden`
(known answers), `draft` (a manifest for a bare file), `memory` (giving it back).

Law: blocking and synchronous; callers bring the thread. No store, no sockets.
A runtime package is imported only when a model needs it.
"""
