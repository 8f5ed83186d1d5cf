"""F2: releases on disk.

Reading order: `layout` (where things lie), `manifest` (`model.yaml` -> values),
`bundle` (a stream -> a staged folder; over `stream`, `tar` and `names`), `releases`
(staged -> installed, and back; over `integrity`), `links` (which one is live),
`retention` (which ones may go).

Law: blocking; callers bring the thread. Every durable write goes through
`host/files`, by a named site. No runtime, no sockets.
"""
