"""Who may do what: claim, login, sessions, tokens and the audit chain, in one file of their own (DESIGN.md, The door).

Nothing here knows HTTP. `accounts.Accounts` decides, blocking, over the file; `desk.AccountsDesk` brings it into an
event loop.
"""
