"""authops: audit, preview and apply sign-in methods of Microsoft Entra ID users, with notebooks in front."""
