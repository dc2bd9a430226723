"""External methods, registered for somebody by configuration and name. Source: externalAuthenticationMethod (list, get,
create, delete).
"""

from authops.demo.methods.kind import Kind

KIND = Kind(
    "external", "externalAuthenticationMethods", "External", needed=("configurationId", "displayName"),
    elsewhere=("PATCH",),
)  # fmt: skip
