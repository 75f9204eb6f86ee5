"""The dog register: told by a file each evening, answers by a file each night, in the charset of its age."""
