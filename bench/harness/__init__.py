# SPDX-License-Identifier: MIT
"""What bench/run is made of: one module for each step."""
