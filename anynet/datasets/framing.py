"""MNIST's form: one digit, found on its paper and framed as MNIST's are.

An image is (height, width) uint8, 0 black to 255 white. `to_mnist` makes (28, 28) of it,
light ink on black. A picture of several digits is not cut up: they come out as one small,
odd shape. Files are not opened here (`images.py`).
"""

import math

import numpy as np

from anynet.typing import HostArray

MNIST_SIDE, DIGIT_SIDE, CENTRE = 28, 20, 14
WORKING_SIDE = 1024  # larger images are reduced first

# Where no one's formula says what is ink: chosen by trials on MNIST's digits, enlarged, photographed in
# simulation, noisy, compressed, and on drawn strokes of any width.
PAPER_SAMPLE = 48  # the paper's surface is fitted to at most so many rows and columns
NOISE = 3  # within so many standard deviations of the paper all is noise
FAINT = 0.1  # of the contrast, on clean paper: what is fainter is a trace of compression
SPECK = 0.05  # of the heaviest part of the ink: a part that weighs less is a speck
FULL_INK = 80  # so many per cent of a digit's pixels are fainter than full ink


def to_mnist(image: HostArray) -> HostArray:
    """Frame the digit in an image as MNIST frames its own.

    The ink, light on black with its grey levels, is cropped, scaled into 20 x 20 with its
    proportions kept and antialiased, and placed with its centre of mass in the middle of
    28 x 28. Ink is what stands out from the paper: dark on light or light on dark, on paper
    that is clean, noisy or unevenly lit.

    Args:
        image: The pixels, (height, width) uint8 of any size, 0 black to 255 white. It should
            show one digit, some paper around it, and no frame.

    Returns:
        The digit, (28, 28) uint8, 0 paper to 255 full ink.

    Raises:
        TypeError: The image is no NumPy array of uint8.
        ValueError: It has another shape, or is blank.

    Example:
        >>> import numpy as np
        >>> from anynet import datasets
        >>> paper = np.full((100, 80), 255, np.uint8)
        >>> paper[20:80, 35:45] = 0  # a one, in black ink
        >>> digit = datasets.to_mnist(paper)
        >>> digit.shape, int(digit.max()), int(np.count_nonzero(digit.any(axis=1)))
        ((28, 28), 255, 20)

    References:
        LeCun, Bottou, Bengio and Haffner, "Gradient-based learning applied to document
        recognition", 1998, section III.A.
    """
    if not isinstance(image, np.ndarray) or image.dtype != np.uint8:
        kind = getattr(image, "dtype", type(image).__name__)
        raise TypeError(f"image: expected pixels, a NumPy array of uint8, got {kind}. Convert it first.")
    if image.ndim != 2 or 0 in image.shape:
        raise ValueError(f"image: expected the shape (height, width), got {image.shape}. Give one image at a time.")
    reduced = _reduced(image, -(-max(image.shape) // WORKING_SIDE))
    ink = _cropped(_without_specks(_ink(reduced)))
    scale = DIGIT_SIDE / max(ink.shape)
    height, width = (max(1, round(side * scale)) for side in ink.shape)
    digit = resampled(ink, height, width)
    digit /= np.percentile(digit[digit > 0], FULL_INK, method="higher")
    # Rounded up, so that the faintest edge is ink still, and what is in the form stays as it is.
    return _centred(np.ceil(255 * np.minimum(digit, 1) - 1e-3).astype(np.uint8))


def resampled(image: HostArray, height: int, width: int) -> HostArray:
    """Return an image in another size: each new pixel is the mean of its area in the old one.

    Args:
        image: The pixels, (height, width), as numbers of any kind.
        height: That of the new image, in pixels.
        width: That of the new image, in pixels.

    Returns:
        The new image, (height, width) float32.
    """
    return np.asarray(_shares(height, image.shape[0]) @ image @ _shares(width, image.shape[1]).T)


def _shares(n_out: int, n_in: int) -> HostArray:
    """Return (n_out, n_in): the share of each old pixel in each new one, along one axis."""
    edges = np.arange(n_out + 1) * (n_in / n_out)
    old = np.arange(n_in)
    overlap = np.minimum(edges[1:, None], old + 1) - np.maximum(edges[:-1, None], old)
    return np.asarray(np.maximum(overlap, 0) * (n_out / n_in), np.float32)


def _reduced(image: HostArray, k: int) -> HostArray:
    """Return the means of k x k pixels as float32.

    The same as `resampled` for a whole k, but quick for millions of pixels; the last rows
    and columns, which do not fill a block, are dropped.
    """
    down, across = (min(k, side) for side in image.shape)
    height, width = image.shape[0] // down * down, image.shape[1] // across * across
    rows = np.zeros((height // down, width), np.float32)
    for i in range(down):
        rows += image[i:height:down, :width]
    total = np.zeros((height // down, width // across), np.float32)
    for i in range(across):
        total += rows[:, i::across]
    return np.asarray(total / np.float32(down * across))


def _ink(image: HostArray) -> HostArray:
    """Return how far each pixel stands out from the paper, 0 where it is paper.

    Ink is what differs from the paper on one side, lighter or darker: on the side where
    more of it does. Raises ValueError if nothing stands out.
    """
    paper, deviation = _paper(image)
    difference = image - paper
    beyond = np.maximum(np.abs(difference) - NOISE * deviation, 0)
    is_lighter = np.sum(beyond * np.sign(difference)) > 0
    ink = np.maximum(difference if is_lighter else -difference, 0)
    marks = ink[ink > NOISE * deviation]
    middle = otsu_threshold(marks)
    contrast = float(np.mean(marks[marks > middle])) if marks.size else 0.0
    if deviation > contrast / 12 and min(image.shape) >= 4 * MNIST_SIDE:
        return _ink(_reduced(image, 2))  # means of four pixels, with half the noise
    if contrast <= (NOISE + 1) * deviation:
        raise ValueError(
            "image: expected a digit on its paper, got a blank image. "
            "Give one with more contrast, and with some paper around the digit."
        )
    faintest = max(NOISE * deviation, middle / 2) if deviation else FAINT * contrast
    return np.where(ink > faintest, ink, 0)


def _paper(image: HostArray) -> tuple[HostArray | float, float]:
    """Return the grey of the paper, one number or one per pixel, and its noise's standard deviation.

    Paper of one exact grey, as in drawings and in MNIST itself, has none. It is told from
    noise that is cut off at black or white by its pixels of that grey lying side by side.
    """
    border = np.concatenate([image[0], image[-1], image[1:-1, 0], image[1:-1, -1]])
    greys, counts = np.unique(border, return_counts=True)
    level = greys[np.argmax(counts)]
    distance = np.abs(image - level)
    is_level = distance == 0
    similar = np.count_nonzero(distance <= otsu_threshold(distance))
    if 2 * np.count_nonzero(is_level) > similar and max(_in_pairs(is_level), _in_pairs(is_level.T)) > 0.75:
        return float(level), 0.0
    return _fitted_paper(image)


def _in_pairs(mask: HostArray) -> float:
    """Return the share of the mask's pixels whose right-hand neighbour is in it too."""
    candidates = np.count_nonzero(mask[:, :-1])
    return float(np.count_nonzero(mask[:, 1:] & mask[:, :-1]) / max(1, int(candidates)))


def _fitted_paper(image: HostArray) -> tuple[HostArray, float]:
    """Fit a quadratic surface to the paper; return it and the standard deviation around it.

    Least squares, reweighted so that ink does not count (weights of Geman and McClure,
    1985), from a start on the outermost pixels, where ink is rare.
    """
    v, u = (np.linspace(-1, 1, side, dtype=np.float32) for side in image.shape)
    down, across = (-(-side // PAPER_SAMPLE) for side in image.shape)
    sample = image[::down, ::across].ravel()
    y, x = (g.ravel() for g in np.meshgrid(v[::down], u[::across], indexing="ij"))
    terms = np.stack([np.ones_like(x), x, x * x, y, x * y, y * y], axis=1)
    weights = (np.maximum(abs(x), abs(y)) > 0.85).astype(np.float32)
    deviation = math.inf
    for _ in range(10):
        weighted = terms * weights[:, None]
        c = np.linalg.lstsq(weighted.T @ terms, weighted.T @ sample, rcond=None)[0]  # the normal equations
        distance = np.abs(sample - terms @ c)
        # From the 95th percentile, for half of the noise may be cut off, and half a grey level of rounding.
        spread = float(np.percentile(distance[weights > 0.1], 95)) / 1.96 + 0.5
        deviation = min(deviation, spread)  # were it to grow, it could take in the ink
        weights = (1 + (distance / (3 * deviation)) ** 2) ** -2
    v = v[:, None]
    return (c[0] + c[1] * u + c[2] * u * u) + v * (c[3] + c[4] * u + c[5] * v), deviation


def otsu_threshold(a: HostArray) -> float:
    """Return the number that best parts numbers into two classes.

    It maximises the variance between the classes.

    Args:
        a: Numbers from 0 to 255, of any shape; their fractions are dropped.

    Returns:
        A whole number, 0 to 255: those up to it are one class, those above it the other.

    References:
        Otsu, "A threshold selection method from gray-level histograms", 1979, equation 18.
    """
    counts = np.bincount(a.astype(np.uint8).ravel(), minlength=256)
    share = np.cumsum(counts) / max(1, a.size)
    moment = np.cumsum(counts * np.arange(256)) / max(1, a.size)
    within = np.maximum(share * (1 - share), 1e-12)  # 0 only where the numerator is
    return float(np.argmax((moment[-1] * share - moment) ** 2 / within))


def _without_specks(ink: HostArray) -> HostArray:
    """Return the ink without its connected parts that are too light to belong to the digit."""
    parts, n = _connected(ink > 0)
    weights = np.bincount(parts.ravel(), ink.ravel(), n + 1)
    return np.where((weights < SPECK * weights.max())[parts], 0, ink)


def _connected(mask: HostArray) -> tuple[HostArray, int]:
    """Return the number of the connected part that each pixel is in, 0 for none, and how many there are.

    Corners connect. The nodes of the graph are runs of pixels in a row, its edges join runs
    of neighbouring rows that touch, and the least number spreads along them.
    """
    width = mask.shape[1] + 1  # a blank column parts the rows, which are then read as one
    steps = np.diff(np.pad(mask, ((0, 0), (0, 1))).ravel().astype(np.int8), prepend=np.int8(0))
    begin, end = np.flatnonzero(steps > 0), np.flatnonzero(steps < 0)
    first = np.searchsorted(end, begin - width, side="left")  # of the runs above that touch this one
    count = np.searchsorted(begin, end - width, side="right") - first
    below = np.repeat(np.arange(begin.size), count)
    above = np.arange(below.size) + np.repeat(first - (np.cumsum(count) - count), count)

    root = np.arange(begin.size)
    while True:
        previous = root.copy()
        least = np.minimum(root[below], root[above])
        np.minimum.at(root, previous[below], least)
        np.minimum.at(root, previous[above], least)
        root = root[root]
        if np.array_equal(root, previous):
            break
    names, number = np.unique(root, return_inverse=True)
    parts = np.zeros(steps.size, np.intp)
    inside = np.cumsum(steps) > 0
    parts[inside] = number[np.cumsum(steps > 0)[inside] - 1] + 1
    return parts.reshape(-1, width)[:, :-1], names.size


def _cropped(ink: HostArray) -> HostArray:
    """Return the ink without the empty rows and columns around it."""
    rows, columns = (np.flatnonzero(ink.any(axis)) for axis in (1, 0))
    return ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]


def _centred(digit: HostArray) -> HostArray:
    """Return the digit in `MNIST_SIDE` squared, its centre of mass at pixel (14, 14), as far as there is room."""
    framed = np.zeros((MNIST_SIDE, MNIST_SIDE), np.uint8)
    place = []
    for axis, side in enumerate(digit.shape):
        mass = digit.sum(axis=1 - axis, dtype=np.float64)
        begin = round(CENTRE - float(mass @ np.arange(side) / mass.sum()))
        begin = min(max(begin, 0), MNIST_SIDE - side)
        place.append(slice(begin, begin + side))
    framed[tuple(place)] = digit
    return framed
