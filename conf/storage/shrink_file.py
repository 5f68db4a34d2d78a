"""A separate program that runs inside the sandbox. It makes two square JPEG pictures from a picture:

    shrink_file.py SOURCE FOLDER

It writes `large.jpg` and `small.jpg` and prints "ok", or prints an error message. It imports no module of Campus.
"""

import sys
from pathlib import Path

from PIL import Image, ImageOps

SIZES = {"large": 512, "small": 96}
"""Width and height in pixels."""
MAX_PIXELS = 50_000_000
Image.MAX_IMAGE_PIXELS = None  # `shrink` checks the size itself


def shrink(source: str, folder: str) -> str:
    """Write the two pictures into the folder. Returns "ok" or an error message."""
    with Image.open(source, formats=["JPEG", "PNG", "WEBP", "GIF"]) as picture:
        if picture.width * picture.height > MAX_PIXELS:
            limit = f"It may have at most {MAX_PIXELS // 1_000_000} megapixels."
            return f"The picture is too large: {picture.width}×{picture.height} pixels. {limit}"
        picture.draft("RGB", (2 * SIZES["large"], 2 * SIZES["large"]))
        grey16 = picture.mode.startswith("I;16")
        eight_bits = picture.point(lambda value: value / 256).convert("L") if grey16 else picture
        upright = ImageOps.exif_transpose(eight_bits).convert("RGBA")
    square = ImageOps.fit(upright, (SIZES["large"], SIZES["large"]), Image.Resampling.LANCZOS)
    flat = Image.new("RGB", square.size, "white")
    flat.paste(square, mask=square.getchannel("A"))
    for name, size in SIZES.items():
        flat.resize((size, size), Image.Resampling.LANCZOS).save(
            Path(folder) / f"{name}.jpg", quality=85, optimize=True
        )
    return "ok"


if __name__ == "__main__":
    try:
        print(shrink(*sys.argv[1:3]))
    except (OSError, ValueError, SyntaxError) as error:
        print("The picture cannot be read: it is damaged.")
        print(error, file=sys.stderr)
