{{/* nothing to say */}}
