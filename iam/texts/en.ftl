# Mails about accounts. $link: URL of the page to open.
welcome-subject = Welcome to Campus
welcome =
    Hello,

    An account at Campus was created with this e-mail address. If you created it, confirm the address here:

    { $link }

    If you did not, ignore this mail.
reset-subject = Your password at Campus
reset =
    Hello,

    Somebody has requested a new password for your account at Campus. Set it here within an hour:

    { $link }

    If it was not you, ignore this mail. Your password stays as it is.
invitation-subject = Your account at Campus
invitation =
    Hello,

    You now have an account at Campus. Set your password here within an hour:

    { $link }

    If the hour has passed, request another link at { $page }
