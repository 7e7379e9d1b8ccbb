-- Inside Airbnb's summary listings with their download date: the 16 columns of older files, the two that later files
-- added (number_of_reviews_ltm, license), then download_date. Ids exceed 32 bits since 2022.
CREATE TABLE IF NOT EXISTS listings (
    id                             BIGINT,
    name                           TEXT,
    host_id                        BIGINT,
    host_name                      TEXT,
    neighbourhood_group            TEXT,
    neighbourhood                  TEXT,
    latitude                       NUMERIC(18, 16),
    longitude                      NUMERIC(19, 16),
    room_type                      TEXT,
    price                          INTEGER,
    minimum_nights                 INTEGER,
    number_of_reviews              INTEGER,
    last_review                    DATE,
    reviews_per_month              NUMERIC(5, 2),
    calculated_host_listings_count INTEGER,
    availability_365               INTEGER,
    number_of_reviews_ltm          INTEGER,
    license                        TEXT,
    download_date                  DATE NOT NULL
);
