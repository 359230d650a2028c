"""The colours of all dashboards: what each means, the same everywhere.

They are those of Okabe and Ito (Color Universal Design, 2008), which stay apart for every kind of colour vision, some
of them darkened so that a line has a contrast of 3 to 1 on Grafana's white and on its black (WCAG 2.1, 1.4.11), and a
violet in place of their orange, which darkened is vermilion to who sees no red or no green. There is no red beside
green, and no colour is alone in saying something: a number or a word stands with it.
"""

NEGATIVE = "#D55E00"  # vermilion: bad news, and what has passed its threshold
POSITIVE = "#0072B2"  # blue: good news
NEUTRAL = "#8C8C8C"
USUAL = "#0072B2"
THRESHOLD = "#8C8C8C"  # dashed
# Filled, with a number or word in it: dark text on it is readable.
WATCH = "#E69F00"
# Neither theme's background, and calm on both.
CALM = "rgba(140, 140, 140, 0.15)"
FAINT = "rgba(86, 180, 233, 0.45)"

# Lines beside each other that are of one kind, such as percentiles, in this order.
SERIES = ("#0072B2", "#D55E00", "#009E73", "#BF6695", "#3D97CE", "#8A3FFC")
