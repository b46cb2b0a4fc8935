"""`python -m lexgate` is `lexgate`."""

from lexgate.app.main import main

if __name__ == "__main__":
    main()
