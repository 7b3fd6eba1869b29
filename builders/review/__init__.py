"""Review by people: `sample` draws pairs, `forms` writes blind sheets, `importing` reads them back, `_figures` counts.

`crisis` does the same for the dialogues that are held out for signs of a crisis.
"""
