"""The page Pressed days in the Airflow UI: the plugin `pressed_days.py` puts it there."""
