def greeting(whom):
    return "good morning, " + whom
