#!/bin/sh
# What base-python-pose has in flavour hmr2, one after the other. GITHUB names where the sources are.
set -eu
pip install joblib
pip install torch==2.3.1 torchvision==0.18.1 numpy==1.26.4
pip install "setuptools<81" wheel ninja
pip install --no-build-isolation "git+$GITHUB/mattloper/chumpy.git"
pip install --no-build-isolation "git+$GITHUB/facebookresearch/detectron2.git"
pip install --no-build-isolation "git+$GITHUB/facebookresearch/pytorch3d.git@v0.7.7"
# Their own lists of dependencies name git addresses and a second OpenCV.
pip install --no-deps --no-build-isolation "git+$GITHUB/brjathu/PHALP.git"
pip install --no-deps --no-build-isolation "git+$GITHUB/shubham-goel/4D-Humans.git"
pip install -r requirements.hmr2.txt
