"""
Body landmarks and joint angles of the person in a photo.

Imports point one way: app -> server, logs, gpu, decoding, engine -> tiles, angles, landmarks, weights -> errors.
Each engine is imported by pose.engine when it is asked for: mediapipe_engine, or the subpackage hmr2.
"""
