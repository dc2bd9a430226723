"""Software OATH tokens. Source: softwareOathAuthenticationMethod (list, get, delete); the secret is never read."""

from authops.demo.methods.kind import Kind

KIND = Kind("softwareOath", "softwareOathMethods", "SoftwareOATH")
