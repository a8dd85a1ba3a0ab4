"""What a reader says of a finding, in which words, and on which form."""
