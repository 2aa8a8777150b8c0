"""
Body landmarks and joint angles of the person in a photo.

Imports point one way: app -> server, logs, gpu, decoding, engine -> tiles, angles, landmarks -> errors.
"""
