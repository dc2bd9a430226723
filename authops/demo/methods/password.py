"""The password: it is listed, never shown, and cannot be deleted. Source: passwordAuthenticationMethod."""

from authops.demo.methods.kind import Kind

KIND = Kind("password", "passwordMethods", "Password", deletable=False)
