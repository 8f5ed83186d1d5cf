"""The tool that makes the demo release `demo/digits` from scikit-learn's optdigits.

Read `build` first, then `digits` (data and split), `net` and `train` (numpy),
`onnx_model` and `litert_model` (the three files), `release` (manifest, card, images).

Law: it needs the packages of `requirements.txt` and nothing of edged; `build.sh`
gives it an environment of its own.
"""
