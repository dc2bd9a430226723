"""Platform credentials (Platform SSO on macOS). Source: platformCredentialAuthenticationMethod (list, get, delete)."""

from authops.demo.methods.kind import Kind

KIND = Kind("platformCredential", "platformCredentialMethods", "PlatformCred")
