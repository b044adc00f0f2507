"""What people and jobs do with images. Joins the engine and a store; knows no terminal and no HTTP."""
