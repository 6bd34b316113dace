"""What one visitor has chosen and been given: under which keys it stands in the session, and what of it the address keeps."""
