"""Hardware OATH tokens, in beta only. Source: hardwareOathAuthenticationMethod (list, get, delete); assigning one and
activating it are not here, nor is the inventory.
"""

from authops.demo.methods.kind import Kind

KIND = Kind("hardwareOath", "hardwareOathMethods", "HardwareOATH", since="beta", elsewhere=("POST",))
