# Mails on accounts. $link: what opens the page.
welcome-subject = Welcome to Campus
welcome =
    Hello,

    an account at Campus was created with this e-mail. If it was you, confirm the e-mail here:

    { $link }

    If it was not you, ignore this mail.
reset-subject = Your password at Campus
reset =
    Hello,

    a new password was requested for your account at Campus. Set it here within an hour:

    { $link }

    If it was not you, ignore this mail: your password stays as it is.
invitation-subject = Your account at Campus
invitation =
    Hello,

    you have an account at Campus now. Set your password here within an hour:

    { $link }

    Later, request another link at { $page }
