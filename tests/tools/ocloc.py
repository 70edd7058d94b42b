#!/usr/bin/env python3
"""ocloc.py: ocloc, Intel's offline compiler, where its library is and its command is not: ocloc.py LIBOCLOC ARGUMENTS..."""
import ctypes
import sys


def main():
    words = [b"ocloc"] + [word.encode() for word in sys.argv[2:]]
    invoke = ctypes.CDLL(sys.argv[1]).oclocInvoke
    # no sources, no includes and no outputs in memory
    none, zero = ctypes.c_void_p(None), ctypes.c_uint32(0)
    sys.exit(invoke(ctypes.c_uint(len(words)), (ctypes.c_char_p * len(words))(*words), zero, none, none, none,
                    zero, none, none, none, none, none, none, none))


if __name__ == "__main__":
    main()
