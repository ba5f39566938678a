"""`make bench-backtest`: a month of a busy cluster, backtested."""
