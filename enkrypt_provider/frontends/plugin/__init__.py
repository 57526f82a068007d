"""The native front end: the plugin `pulumi-resource-enkrypt`, for programs in every language."""
