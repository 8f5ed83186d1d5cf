"""F3: installed -> live, or back.

`agent` is the single writer of the store's links and the only caller of the
registry's `switch`. It never imports serve: it declares the few verbs it needs.
"""
