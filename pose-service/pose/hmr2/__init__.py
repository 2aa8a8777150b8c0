"""
The engine `hmr2`: ViTDet-H finds the person, HMR2 of 4D-Humans fits the SMPL body, the body gives the landmarks.

Imports point one way: selftest -> engine -> network, detector -> synthetic, body, crop, states -> pickles, mapping,
projection, device, guard. selftest, engine, network, detector, states and device need torch, crop needs OpenCV; the
others run wherever the service does.
"""
