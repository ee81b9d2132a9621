"""Who is given whom: the rules as data, the index that applies them, and why.

``expressions`` say what an agent must be, ``grammar`` reads them; ``policy`` is what a queue's
manager has written down, ``strategies`` are the orders in which agents are chosen; ``index`` knows
who waits and who is available, and finds pairs; ``explanation`` says why, and why not.
"""
