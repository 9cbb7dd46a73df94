"""Prints the MD5 of every picture that OpenCV reads of a file or URL, a line each."""

import hashlib
import sys

import cv2

capture = cv2.VideoCapture(sys.argv[1], cv2.CAP_FFMPEG)
while True:
    found, picture = capture.read()
    if not found:
        break
    print(hashlib.md5(picture.tobytes()).hexdigest(), flush=True)
