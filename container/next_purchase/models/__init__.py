"""What a fitted model knows: for each customer, the share of customers alike that is still away after so many days."""
