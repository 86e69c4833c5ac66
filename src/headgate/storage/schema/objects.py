"""What is configured through the API: routes and such, with their versions."""
