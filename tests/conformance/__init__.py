"""What every provider must do, held against each one of them; a new one says in `subjects` how its objects look."""
