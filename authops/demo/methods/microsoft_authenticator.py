"""Microsoft Authenticator. Source: microsoftAuthenticatorAuthenticationMethod (list, get, delete); beta resource."""

from authops.demo.methods.kind import Kind

KIND = Kind("microsoftAuthenticator", "microsoftAuthenticatorMethods", "MicrosoftAuthApp", beta=("clientAppName",))
