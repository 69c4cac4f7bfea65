"""What the exit statuses of ``cfos-cloud`` mean, for its help."""

EXIT_STATUSES = """\
exit status:
  0    done
  1    the server refuses, can't be reached or trusted, or is not well
  2    bad usage: what was typed, or a file that it names
  130  interrupted
"""
