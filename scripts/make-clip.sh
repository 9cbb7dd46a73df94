#!/usr/bin/env bash
# Makes examples/media/people.mp4 again: ten seconds of OpenCV's sample vtest.avi (people walking), re-encoded.
# Needs ffmpeg with libx264 and Debian's package opencv-doc, or the path of vtest.avi as the only argument.
set -euo pipefail
cd "$(dirname "$0")/.."
source=${1:-/usr/share/doc/opencv-doc/examples/data/vtest.avi}
ffmpeg -v error -y -ss 14 -t 10 -i "$source" -an -c:v libx264 -preset veryslow -crf 27 -g 50 -pix_fmt yuv420p \
  -map_metadata -1 -movflags +faststart examples/media/people.mp4
stat -c '%n %s bytes' examples/media/people.mp4
