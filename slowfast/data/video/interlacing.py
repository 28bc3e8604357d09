"""Whether packets say that their pictures are interlaced.

OpenCV >= 4.13 does not convert a frame that FFmpeg flags as interlaced: it returns True, and the
picture before (https://github.com/opencv/opencv, cap_ffmpeg_impl.hpp, unchecked sws_scale_frame).
"""

from collections.abc import Callable

HEAD = 4096
"""Bytes at the start of a packet that hold its headers."""


def avc(packet: bytes) -> bool:
    """H.264: fields, or pictures that may be, ISO 14496-10, 7.3.2.1.1 (frame_mbs_only_flag)."""
    return any(unit[0] & 31 == 7 and not _frame_mbs_only(unit[1:]) for unit in _units(packet))


def hevc(packet: bytes) -> bool:
    """ITU-T H.265, 7.3.3 (general_interlaced_source_flag)."""
    return any(
        unit[0] >> 1 & 63 == 33 and len(unit) > 8 and unit[8] & 0x40 for unit in _units(packet)
    )


def mpeg2(packet: bytes) -> bool:
    """ISO 13818-2, 6.2.3.1 (progressive_frame)."""
    return any(
        unit[0] == 0xB5 and len(unit) > 5 and unit[1] >> 4 == 8 and not unit[5] & 0x80
        for unit in packet[:HEAD].split(b"\0\0\1")[1:]
        if unit
    )


def mpeg4(packet: bytes) -> bool:
    """ISO 14496-2, 6.2.3 (interlaced)."""
    layers = (unit[1:] for unit in packet[:HEAD].split(b"\0\0\1")[1:] if unit and unit[0] >> 4 == 2)
    return any(_is_interlaced_layer(_Bits(layer)) for layer in layers)


def jpeg(packet: bytes) -> bool:
    """Two pictures, a field each, in one packet."""
    return b"\xff\xd8" in packet.partition(b"\xff\xd9")[2]


def prores(packet: bytes) -> bool:
    """SMPTE RDD 36, 5.1 (interlace_mode)."""
    return len(packet) > 20 and packet[20] >> 2 & 3 != 0


def never(packet: bytes) -> bool:
    """A codec that knows no interlaced pictures."""
    return False


BY_CODEC: dict[str, Callable[[bytes], bool]] = {
    "h264": avc, "hevc": hevc, "mpg2": mpeg2, "fmp4": mpeg4, "mjpg": jpeg, "apch": prores,
    **dict.fromkeys(
        ("vp80", "vp90", "av01", "mpg1", "h263", "flv1", "wmv1", "wmv2", "mp42", "mp43", "gif"),
        never,
    ),
}  # fmt: skip
"""By OpenCV's name of the codec, in small letters: whether a packet tells of interlaced pictures;
for codecs in which that can be told."""


def with_start_codes(codec: str, header: bytes) -> bytes:
    """What a container holds about a stream, in the form of its packets (ISO 14496-15)."""
    if codec == "h264" and header[:1] == b"\1":
        return b"\0\0\1" + header[8:]
    if codec == "hevc" and header[:1] == b"\1":
        return b"\0\0\1\x42\1\1" + header[1:]
    return header


def _units(packet: bytes) -> list[bytes]:
    """The first units of H.264 or H.265, without the bytes that keep start codes from them."""
    units = packet[:HEAD].split(b"\0\0\1")[1:]
    return [unit.replace(b"\0\0\3", b"\0\0") for unit in units if unit]


class _Bits:
    """Reads bits; zeros after the end."""

    def __init__(self, content: bytes) -> None:
        self._bits = "".join(f"{byte:08b}" for byte in content[:256]) + 256 * "0"
        self._place = 0

    def read(self, count: int = 1) -> int:
        self._place += count
        return int("0" + self._bits[self._place - count : self._place], 2)

    def exp_golomb(self) -> int:
        """A number of ISO 14496-10, 9.1."""
        zeros = max(self._bits.find("1", self._place) - self._place, 0)
        return self.read(2 * zeros + 1) - 1

    def skip(self, *fields: int) -> None:
        """Passes over fields of so many bits; of a number as above where that is 0."""
        for bits in fields:
            _ = self.read(bits) if bits else self.exp_golomb()


def _frame_mbs_only(parameters: bytes) -> int:
    bits = _Bits(parameters)
    profile = bits.read(8)
    bits.skip(16, 0)
    if profile in (100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134):
        chroma = bits.exp_golomb()
        bits.skip(*[1] * (chroma == 3), 0, 0, 1)
        if bits.read():
            for number in range(12 if chroma == 3 else 8):
                if bits.read():
                    _skip_scaling_list(bits, 16 if number < 6 else 64)
    bits.skip(0)
    order = bits.exp_golomb()
    if order == 0:
        bits.skip(0)
    elif order == 1:
        bits.skip(1, 0, 0)
        bits.skip(*[0] * bits.exp_golomb())
    bits.skip(0, 1, 0, 0)
    return bits.read()


def _skip_scaling_list(bits: _Bits, size: int) -> None:
    last = following = 8
    for _ in range(size):
        if following:
            code = bits.exp_golomb()
            following = (last + (code + 1 >> 1) * (1 if code & 1 else -1)) % 256
        last = following or last


def _is_interlaced_layer(bits: _Bits) -> bool:
    bits.skip(9)
    version = bits.read(7) >> 3 if bits.read() else 1
    if bits.read(4) == 15:
        bits.skip(16)
    if bits.read():
        bits.skip(3)
        bits.skip(*[79] * bits.read())
    shape = bits.read(2)
    bits.skip(*[4] * (shape == 3 and version != 1), 1)
    resolution = bits.read(16)
    bits.skip(1)
    if bits.read():
        bits.skip(max((resolution - 1).bit_length(), 1))
    bits.skip(*[29] * (shape == 0))
    return bool(bits.read())
