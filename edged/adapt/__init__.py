"""Readings -> headrooms -> a strategy -> the variant of each answer.

Law: a strategy is a set of caps, never a branch; it is left more slowly than it was
entered. What is not known changes nothing by itself. Who decides here reads no clock
and no sensor, and nobody here knows requests, releases or runtimes.

To read: `sensors`, `sight` (looks -> headrooms), `headroom`, `strategy` (what the box
allows), `governor` (who looks, decides and tells), `regime` (what holds, for others),
`slowdown`, `thermal` (what a run will take and heat), `choice` (which variant).
"""
