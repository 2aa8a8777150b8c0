"""The engine that needs no download and no GPU: MediaPipe's BlazePose, whose models come inside the package."""

from __future__ import annotations

import threading

import numpy as np
from mediapipe.python.solutions.pose import Pose  # type: ignore[import-not-found,import-untyped,unused-ignore]

from pose.decoding import Pixels
from pose.engine import Model
from pose.landmarks import LANDMARK_NAMES, Landmark, mean_visibility
from pose.tiles import Box, around, levels, to_frame

# Many small tiles are many chances to see a person in a stone: tiles must convince more than a whole frame does.
_FRAME_CONFIDENCE = 0.5
_TILE_CONFIDENCE = 0.7


class MediaPipeEngine:
    """Two graphs behind one lock: a graph is not thread-safe, and its inference already uses several threads."""

    name = "mediapipe"

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._frame_graph = _load_graph(_FRAME_CONFIDENCE)
        self._tile_graph = _load_graph(_TILE_CONFIDENCE)
        self._loaded = True

    def models(self) -> list[Model]:
        return [Model("pose_landmark_full", self._loaded)]

    def detect(self, pixels: Pixels) -> list[Landmark] | None:
        """The whole frame first; finer and finer tiles only while nobody is found."""
        height, width = pixels.shape[:2]
        found = self._infer(self._frame_graph, pixels)
        if found:
            return found
        for boxes in levels(width, height):
            candidates = [body for box in boxes if (body := self._infer_box(pixels, box))]
            if candidates:
                # A tile may have cut the body, or shown one where none is: look again with it in the middle.
                best = max(candidates, key=mean_visibility)
                confirmed = self._infer_box(pixels, around(best, width=width, height=height))
                if confirmed:
                    return confirmed
        return None

    def _infer_box(self, pixels: Pixels, box: Box) -> list[Landmark] | None:
        height, width = pixels.shape[:2]
        found = self._infer(self._tile_graph, pixels[box.top : box.bottom, box.left : box.right])
        return found and to_frame(found, box, width=width, height=height)

    def _infer(self, graph: Pose, pixels: Pixels) -> list[Landmark] | None:
        with self._lock:
            result = graph.process(np.ascontiguousarray(pixels))
        if result.pose_landmarks is None:
            return None
        points = result.pose_landmarks.landmark
        return [
            Landmark(name, points[index].x, points[index].y, points[index].z, points[index].visibility)
            for index, name in enumerate(LANDMARK_NAMES)
        ]


def _load_graph(confidence: float) -> Pose:
    """A graph that has run once, so that its models are loaded before the first request."""
    # Complexity 1 is the one model that the package carries; every other would be downloaded.
    graph = Pose(
        static_image_mode=True,
        model_complexity=1,
        enable_segmentation=False,
        min_detection_confidence=confidence,
        min_tracking_confidence=confidence,
    )
    graph.process(np.zeros((256, 256, 3), np.uint8))
    return graph
