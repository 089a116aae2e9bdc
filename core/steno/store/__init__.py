"""Where runs are kept: the contract (`base`), the reference store (`memory`) and the SQL stores (`sql`)."""
