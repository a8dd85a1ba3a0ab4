"""Operations on whole structures: related ones in a file, each a line of `table`."""
