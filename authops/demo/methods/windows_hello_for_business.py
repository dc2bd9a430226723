"""Windows Hello for Business. Source: windowsHelloForBusinessAuthenticationMethod (list, get, delete)."""

from authops.demo.methods.kind import Kind

KIND = Kind("windowsHelloForBusiness", "windowsHelloForBusinessMethods", "WindowsHello")
