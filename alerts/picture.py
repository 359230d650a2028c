"""What all drawn pictures share: their colours, and how they become a file."""

import io

from PIL import Image

RED, GREY, BLACK, GRID = (178, 24, 43), (110, 110, 110), (20, 20, 20), (225, 225, 225)


def png(image: Image.Image) -> bytes:
    """The picture as a PNG of 64 colours, which are enough for lines and words."""
    file = io.BytesIO()
    image.quantize(64).save(file, "PNG", optimize=True)
    return file.getvalue()
